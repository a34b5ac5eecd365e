//! What swagger-ui's markup leaves out for screen readers and keyboards is added to it as it appears: names of controls,
//! the order of headings, landmarks, the dialog, code that scrolls.

/** For elements of a selector, the attributes they lack. */
const ATTRIBUTES: readonly (readonly [selector: string, attributes: Record<string, string>])[] = [
  ['.information-container > section', { 'aria-label': 'About the APIs' }],
  ['section.schemes', { 'aria-label': 'Server and sign-in' }],
  ['#servers', { 'aria-label': 'Server' }],
  ['.modal-ux', { role: 'dialog', 'aria-modal': 'true', 'aria-label': 'Sign-in' }],
  ['.close-modal', { 'aria-label': 'Close the dialog' }],
  // Names that contain what is written on the button, for those who speak it.
  ['.modal-btn[aria-label="Apply given OAuth2 credentials"]', { 'aria-label': 'Authorize' }],
  ['.modal-btn[aria-label="Remove authorization"]', { 'aria-label': 'Logout' }],
  ['pre.microlight', { tabindex: '0' }],
  // Stands alone until there is a description, or an error in its place.
  ['.loading-container:not(.loading-container *)', { role: 'main' }],
  ['.loading-container .title', { 'aria-level': '1' }],
  ['.errors__title', { 'aria-level': '2' }],
  // Below the title, which is of the first level.
  ['h3', { 'aria-level': '2' }],
  ['h4:not(.title, .errors__title)', { 'aria-level': '3' }],
  ['h5, h6', { 'aria-level': '4' }],
  ['.scopes h2', { 'aria-level': '4' }],
];

/** Adds what is missing within `root`, now and whenever it changes. */
export function keepAccessible(root: HTMLElement): void {
  new MutationObserver(() => complete(root)).observe(root, { childList: true, subtree: true, attributeFilter: ['aria-label'] });
  complete(root);
}

function complete(root: HTMLElement): void {
  for (const [selector, attributes] of ATTRIBUTES) {
    for (const element of root.querySelectorAll(selector)) {
      for (const [name, value] of Object.entries(attributes)) {
        // Setting what is there already would be a change again, and so on.
        if (element.getAttribute(name) !== value) element.setAttribute(name, value);
      }
    }
  }
}
