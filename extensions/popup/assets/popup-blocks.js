// One block of a form (Klaviyo's block JSON) comes in, its element goes out. A block that asks adds a
// field: { read, say, fault, box, error, input }, by the key of its answer, which is also the key of its error.
// Words are only ever set as text; of HTML, only what `copy` names survives.

export const make = (tag, attributes, ...children) => {
  const element = document.createElement(tag);
  for (const name in attributes) {
    const value = attributes[name];
    if (value != null && value !== false) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
};

export const list = (value) => [value ?? []].flat();
export const web = (url) => (/^(https?:|\/)/i.test(url) ? url : null);

const copy = (from, into) => {
  for (const node of from.childNodes) {
    const tag = node.localName;
    if (node.nodeType === 3) into.append(node.data);
    else if (tag && !/^(script|style)$/.test(tag)) {
      const link = tag === 'a' && { href: web(node.getAttribute('href')), target: '_blank' };
      const kept = /^(a|b|strong|em|br|p|h[1-6])$/.test(tag) ? tag : 'span';
      into.append(copy(node, make(kept, link)));
    }
  }
  return into;
};

const INPUTS = {
  email: { type: 'email', autocomplete: 'email' },
  phone_number: { type: 'tel', autocomplete: 'tel' },
  date: { type: 'date' },
};
const KEYS = { email: 'email', phone_number: 'phone' };

export const builder = (words, fields) => {
  const field = (key, { required, error_messages: says = {} }, box, inputs, read) => {
    const error = make('p', { class: 'error', role: 'alert', id: key + '-error' });
    const marked = box.role === 'radiogroup' ? box : inputs[0];
    const say = (message) => {
      error.textContent = message;
      marked.setAttribute('aria-invalid', !!message);
    };
    const fault = () => {
      if (required && !list(read()).some(Boolean)) return says.required ?? words.required;
      return inputs[0].validity.valid ? '' : (says.invalid ?? words.invalid);
    };
    marked.setAttribute('aria-describedby', error.id);
    box.className = 'field';
    box.append(error);
    box.oninput = () => say('');
    fields[key] = { read, say, fault, box, error, input: inputs[0] };
    return box;
  };

  const input = ({ type, properties: p }) => {
    const key = KEYS[type] ?? p.property_name;
    const { placeholder, required, label = placeholder ?? key, show_label } = p;
    const shared = { id: key, name: key, placeholder, 'aria-required': required };
    const box = make('input', { ...shared, ...INPUTS[type] });
    const caption = make('label', { for: key, class: show_label === false && 'unseen' }, label);
    return field(key, p, make('div', {}, caption, box), [box], () => box.value.trim());
  };

  const choice = (type) => ({ properties: p }) => {
    const { property_name: key, label = key, options, required, show_label } = p;
    const one = type === 'radio';
    const inputs = options.map(({ value }) => make('input', { type, name: key, value }));
    const box = make(
      'fieldset',
      one && { role: 'radiogroup', 'aria-required': required },
      make('legend', { class: show_label === false && 'unseen' }, label),
      ...inputs.map((each, i) => make('label', { class: 'card' }, each, options[i].label)),
    );
    const chosen = () => inputs.filter((each) => each.checked).map((each) => each.value);
    return field(key, p, box, inputs, () => (one ? (chosen()[0] ?? null) : chosen()));
  };

  // Never ticked beforehand: consent is the shopper's own act.
  const consent = (key) => ({ properties: p }) => {
    const box = make('input', { type: 'checkbox' });
    const text = make('span', {}, p.checkbox_text ?? p.label ?? p.text);
    return field(key, p, make('div', {}, make('label', { class: 'consent' }, box, text)), [box], () => box.checked);
  };

  const wording = (block) => {
    const { type, properties: p = {} } = block;
    if (p.property_name) return input(block);
    const html = p.content?.html ?? p.content;
    if (typeof html === 'string') {
      return copy(new DOMParser().parseFromString(html, 'text/html').body, make('div', { class: type }));
    }
    return make(p.heading ? 'h2' : 'p', { class: type }, p.text ?? '');
  };

  return {
    email: input,
    phone_number: input,
    date: input,
    radio_buttons: choice('radio'),
    dropdown: choice('radio'),
    checkboxes: choice('checkbox'),
    promotional_sms_checkbox: consent('sms_consent'),
    email_consent_checkbox: consent('email_consent'),
    text: wording,
    html_text: wording,
    sms_disclosure: wording,
    image: ({ properties: { image, src = image?.src, alt_text = image?.alt_text } }) =>
      make('img', { src: web(src), alt: alt_text ?? '' }),
    coupon: ({ properties: { coupon, text = coupon?.text ?? coupon?.fallback_coupon_code } }) =>
      make('p', { class: 'coupon' }, text ?? ''),
    button: ({ action, properties: p }) => {
      const quiet = action?.type === 'close' && !action.submit;
      return make('button', { type: quiet ? 'button' : 'submit', class: quiet ? 'quiet' : 'main' }, p.label);
    },
  };
};
