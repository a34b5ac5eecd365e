//! The single-page app: reads its settings and starts.

import './style.css';

import { App } from './app.js';
import { Session } from './session.js';
import { loadSettings, SettingsError } from './settings.js';
import { View } from './view.js';

const view = new View(document);
const url = new URL(location.href);
// A code works once. Taken out of the address before it is used, neither a reload nor the history brings it again.
if (url.search !== '') history.replaceState(null, '', url.pathname);

try {
  const settings = await loadSettings(url.origin);
  view.showApi(settings.api.url);
  await new App(view, new Session(settings.oidc, sessionStorage), settings.api).open(url);
} catch (error) {
  if (!(error instanceof SettingsError)) throw error;
  view.showUnusable('This page has no usable settings', error.problems);
}
