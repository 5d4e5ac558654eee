"""The navigation, grouped as merchants think; Shopify's sidebar and our own bar are drawn of it."""

from dataclasses import dataclass

from plugin.texts import N_


@dataclass(frozen=True)
class Group:
    """Pages that belong together, by where their paths begin; its link leads to the first."""

    title: str
    paths: tuple[str, ...]

    @property
    def href(self) -> str:
        """Where its link leads."""
        return self.paths[0]

    def holds(self, path: str) -> bool:
        """Whether a page is one of the group's."""
        return any(path == each or path.startswith(f"{each}/") for each in self.paths)


GROUPS = (
    Group(N_("Home"), ("/",)),
    Group(N_("Audience"), ("/audience",)),
    Group(N_("Messages"), ("/coupons",)),
    Group(N_("Flows"), ("/flows",)),
    Group(N_("Forms"), ("/forms",)),
    Group(N_("Analytics"), ("/analytics/metrics",)),
    Group(N_("Settings"), ("/settings",)),
)
