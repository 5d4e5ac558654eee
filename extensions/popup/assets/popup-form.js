// One form's content (Klaviyo's form version JSON) and what the loader offers come in; a dialog in its
// own shadow root goes out, step by step, until it is closed.
import { builder, list, make, web } from './popup-blocks.js';

// Resolves when the shopper has closed the form.
export const draw = (form, shop) => {
  const words = { ...shop.words, ...form.messages };
  const { accessible_name, show_close_button, click_outside_to_close } = form.properties ?? {};
  const device = shop.small ? 'mobile' : 'desktop';
  const here = (devices) => devices.includes('both') || devices.includes(device);
  const fields = {};
  const build = builder(words, fields);
  const actions = new Map(); // button -> what it does
  const opened = performance.now();
  let at = 0; // the step that is shown
  let busy;
  let sure = ''; // the address that the shopper was asked about
  let buttonColour; // where a form from Klaviyo keeps its accent

  const column = ({ rows, styles: { background_image, background_color } = {} }) => {
    const blocks = list(rows).flatMap((row) => row.blocks);
    const shown = blocks.filter(
      ({ type, properties }) => build[type] && here(properties?.display_device ?? ['both']),
    );
    const elements = shown.map((block) => {
      const element = build[block.type](block);
      if (block.type === 'button') {
        actions.set(element, block.action);
        buttonColour ??= block.styles?.background_color;
      }
      return element;
    });
    if (elements.length) return make('div', { class: 'column' }, ...elements);
    // A column without blocks is the side panel: the merchant's picture, or one drawn in CSS.
    const panel = make('div', { class: 'panel' });
    const src = web(background_image?.properties?.src);
    if (src) panel.style.background = `center / cover url(${JSON.stringify(src)})`;
    else if (background_color) panel.style.setProperty('--tint', background_color);
    return panel;
  };

  const page = (step) => {
    const element = make('form', { novalidate: '', hidden: '' }, ...list(step.columns).map(column));
    const body = element.querySelector('.column') ?? element;
    let title = element.querySelector('h1, h2, h3');
    const first = body.querySelector('p.text');
    if (!title && first) first.replaceWith((title = make('h2', {}, first.textContent)));
    (title ?? body).tabIndex = -1;
    if (!element.querySelector('.main')) element.querySelector('.quiet')?.classList.replace('quiet', 'main');
    body.append(make('p', { class: 'error', role: 'alert' }));
    element.onsubmit = (event) => {
      event.preventDefault();
      go(actions.get(event.submitter));
    };
    return element;
  };

  const pages = [...form.steps, ...list(form.success)].map(page);
  const success = pages.length - 1;
  const asking = pages.slice(0, success);
  asking.forEach((element) => {
    const dots = asking.map((other) => make('i', { class: other === element && 'now' }));
    if (success > 1) element.querySelector('.column').prepend(make('div', { class: 'dots' }, ...dots));
  });

  const turn = (to) => {
    at = to;
    pages.forEach((element, i) => (element.hidden = i !== at));
    pages[at].querySelector('[tabindex]').focus();
  };

  const note = (message) => (pages[at].querySelector('.column > .error').textContent = message);

  const complain = (errors, suggested) => {
    const first = Object.keys(fields).find((key) => errors[key]);
    if (!first) return note(Object.values(errors).join(' '));
    turn(pages.findIndex((element) => element.contains(fields[first].box)));
    for (const key in fields) fields[key].say(errors[key] ?? '');
    fields[first].input.focus();
    if (!suggested) return;
    // One tap takes what is suggested; sending again takes what was typed.
    const { input, error } = fields.email;
    sure = input.value.trim();
    const take = make('button', { type: 'button', class: 'take' }, suggested);
    take.onclick = () => {
      input.value = suggested;
      fields.email.say('');
      go(actions.get(pages[at].querySelector('.main')));
    };
    error.append(' ', take);
  };

  const send = async () => {
    const read = Object.entries(fields).map(([key, field]) => [key, field.read()]);
    const { email = '', phone = '', sms_consent, email_consent, ...answers } = Object.fromEntries(read);
    const answer = await shop.submit({
      answers,
      email,
      phone,
      consent: { email: email_consent ?? !!email, sms: !!(sms_consent && phone) },
      sure,
      elapsed_ms: Math.round(performance.now() - opened),
      website: trap.value,
    });
    const reply = await answer.json();
    if (answer.status === 422) return complain(reply.errors, reply.suggested);
    if (!reply.ok) throw reply;
    shop.submitted();
    if (reply.title) {
      const said = [make('h2', { tabindex: -1 }, reply.title), make('p', { class: 'text' }, reply.text)];
      const end = pages[success].querySelector('.column');
      end.replaceChildren(...said, ...end.querySelectorAll('.main'));
    }
    if (reply.coupon) dialog.querySelectorAll('.coupon').forEach((code) => (code.textContent = reply.coupon));
    return true;
  };

  const go = async ({ type, submit = at === success - 1, properties } = {}) => {
    if (busy) return;
    if (type === 'skip_to_success') return turn(success);
    note('');
    const asked = Object.entries(fields).filter(([, { box }]) => pages[at].contains(box));
    const faults = asked.map(([key, { fault }]) => [key, fault()]).filter(([, fault]) => fault);
    if (faults.length) return complain(Object.fromEntries(faults));
    if (submit) {
      busy = true;
      dialog.classList.add('busy');
      const sent = await send().catch(() => note(words.retry));
      dialog.classList.remove('busy');
      busy = false;
      if (sent !== true) return;
    }
    if (type === 'redirect' && web(properties?.url)) location.assign(properties.url);
    else if (type === 'close' || at === success) dialog.close();
    else turn(at + 1);
  };

  const trap = make('input', { name: 'website', tabindex: -1, autocomplete: 'off' });
  const close = make('button', { type: 'button', class: 'close', 'aria-label': words.close });
  close.hidden = show_close_button === false;
  const dialog = make(
    'dialog',
    {
      'aria-modal': true,
      'aria-label': accessible_name ?? pages[0].querySelector('h1, h2, h3')?.textContent,
    },
    close,
    make('div', { class: 'trap', 'aria-hidden': true }, trap),
    ...pages,
  );
  for (const button of dialog.querySelectorAll('[type=button]')) button.onclick = () => dialog.close();

  // Browsers let Tab leave a modal dialog for their own bars; shoppers expect it to go round.
  dialog.onkeydown = (event) => {
    const stops = [...dialog.querySelectorAll('button, input, a[href]')].filter(
      (each) => each !== trap && each.offsetParent,
    );
    if (event.key !== 'Tab' || root.activeElement !== stops.at(event.shiftKey ? 0 : -1)) return;
    event.preventDefault();
    stops.at(event.shiftKey ? -1 : 0).focus();
  };

  let pressed; // a drag that only ends outside is not a click outside
  dialog.onpointerdown = ({ target }) => (pressed = target);
  dialog.onclick = ({ target }) => {
    const outside = target === dialog && pressed === dialog;
    if (outside && here(click_outside_to_close ?? ['both'])) dialog.close();
  };

  const { background_color: paper, accent_color, border_styles } = form.styles ?? {};
  const look = (property, key, value) =>
    CSS.supports(property, value) && dialog.style.setProperty('--given-' + key, value);
  look('color', 'paper', paper);
  look('color', 'accent', accent_color ?? buttonColour);
  look('width', 'radius', border_styles?.radius + 'px');

  const host = make('regulars-form'); // not a div: themes hide empty ones
  const root = host.attachShadow({ mode: 'open' });
  const sheet = make('link', { rel: 'stylesheet', href: shop.styles });
  return new Promise((closed, failed) => {
    sheet.onerror = failed;
    sheet.onload = () => {
      dialog.showModal();
      dialog.classList.toggle('dark', /lch\(100/.test(getComputedStyle(dialog).color));
      turn(0);
      shop.view();
    };
    dialog.onclose = () => closed(host.remove());
    root.append(sheet, dialog);
    document.body.append(host);
  });
};
