//! The developer console: swagger-ui over the gateway's own description of its APIs. It signs in through a pop-up at the
//! provider and calls through the gateway, like every other page.

import 'swagger-ui-dist/swagger-ui.css';
import './style.css';

import SwaggerUI from 'swagger-ui-dist/swagger-ui-es-bundle.js';

import { loadSettings, type Settings, SettingsError } from '../settings.js';
import { keepAccessible } from './accessible.js';
import { followColourScheme } from './colour_scheme.js';

/** The page that the provider sends the pop-up to; registered there to the byte. */
const REDIRECT_PATH = '/developer/oauth2-redirect.html';

function find(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no element #${id}`);
  return element;
}

function start({ console, oidc }: Settings): void {
  const domNode = find('console');
  keepAccessible(domNode);
  const ui = SwaggerUI({
    domNode,
    url: console.openapiUrl,
    // Without the bar in which one types the address of another document.
    layout: 'BaseLayout',
    oauth2RedirectUrl: location.origin + REDIRECT_PATH,
    // The description is nobody else's business.
    validatorUrl: null,
    // Tokens stay in memory and are gone with the page.
    persistAuthorization: false,
    // It would put links into buttons.
    deepLinking: false,
    displayRequestDuration: true,
    defaultModelsExpandDepth: -1,
    // The one whose colours are readable on its own background.
    syntaxHighlight: { theme: 'nord' },
  });
  ui.initOAuth({
    clientId: oidc.clientId,
    appName: 'weir developer console',
    // The console does not renew tokens, so it asks for none to renew them with.
    scopes: oidc.scope.split(/\s+/).filter((scope) => scope !== 'offline_access'),
    usePkceWithAuthorizationCodeGrant: true,
  });
}

followColourScheme();
try {
  start(await loadSettings(location.origin));
} catch (error) {
  if (!(error instanceof SettingsError)) throw error;
  const items = error.problems.map((problem) => Object.assign(document.createElement('li'), { textContent: problem }));
  find('unusable').hidden = false;
  find('problems').replaceChildren(...items);
}
