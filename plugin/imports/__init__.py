"""Import a merchant's profiles: read, match, record and revert.

Files lie in the data folder for a week; several machines share that folder. A profile that also
joined the list by a form or by hand stays on it when the import is reverted.
"""
