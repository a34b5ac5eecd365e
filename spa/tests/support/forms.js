//! A browser without a window: follows redirects, keeps cookies and fills forms, for sign-ins that need no JavaScript.

/** Cookies of one origin, by hand: they are `Secure`, which only browsers send over http to localhost. */
export class FormBrowser {
  #cookies = new Map();

  async #fetch(url, options = {}) {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(url, { ...options, redirect: 'manual', headers: { ...options.headers, cookie } });
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      this.#cookies.set(name, value);
    }
    return response;
  }

  /** Follows redirects from `url` within its origin; where they lead. */
  async open(url) {
    let response = await this.#fetch(url);
    let here = new URL(url);
    while (response.status >= 300 && response.status < 400) {
      const next = new URL(response.headers.get('location'), here);
      if (next.origin !== here.origin) return { url: next };
      here = next;
      response = await this.#fetch(here);
    }
    return { url: here, status: response.status, html: await response.text() };
  }

  /** Sends the only form of `page` with its hidden fields and `values`; where that leads. */
  async submit(page, values) {
    const hidden = [...page.html.matchAll(/type="hidden" name="([^"]*)" value="([^"]*)"/g)];
    const action = /<form method="post" action="([^"]*)"/.exec(page.html)[1].replaceAll('&amp;', '&');
    const body = new URLSearchParams({ ...Object.fromEntries(hidden.map(([, name, value]) => [name, value])), ...values });
    const response = await this.#fetch(new URL(action, page.url), { method: 'POST', body, headers: { origin: page.url.origin } });
    const location = response.headers.get('location');
    if (location === null) return { url: page.url, status: response.status, html: await response.text() };
    const next = new URL(location, page.url);
    return next.origin === page.url.origin ? this.open(next) : { url: next };
  }
}
