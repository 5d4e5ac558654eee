// The list looks for new mail by itself; a letter's frame grows to its letter.
(() => {
  const list = document.getElementById('mails');
  if (list)
    setInterval(async () => {
      if (document.hidden) return;
      const page = await fetch(location.href).then((answer) => answer.text(), () => null);
      if (!page) return;
      const fresh = new DOMParser().parseFromString(page, 'text/html');
      const mails = fresh.getElementById('mails');
      if (mails.innerHTML !== list.innerHTML) list.innerHTML = mails.innerHTML;
      document.title = fresh.title;
    }, 1500);
  const letter = document.querySelector('.letter iframe');
  const grow = () => {
    const height = letter.contentDocument?.documentElement?.scrollHeight;
    if (height) letter.style.height = `${height + 8}px`;
  };
  letter?.addEventListener('load', grow);
  if (letter) grow();
})();
