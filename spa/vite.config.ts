//! How the pages are built. Every script and style is a file of its own, because the policy of the pages
//! (Content-Security-Policy) allows nothing inline; every file but the pages themselves has its hash in its name.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

/** The settings of `weir up`, for `npm run dev` only: the build has none. */
const DEVELOPMENT_SETTINGS = {
  api: { url: 'http://localhost:8080/hello' },
  oidc: {
    metadataUrl:
      'http://localhost:8090/contoso.onmicrosoft.com/B2C_1_Frontendapp_signupandsignin/v2.0/.well-known/openid-configuration',
    clientId: '3c9e1d70-54b8-4f6e-a2d1-7b8c0e5f9a14',
    scope: 'openid offline_access https://contoso.onmicrosoft.com/f8a5b3c1-6d2e-4b7a-9c40-2f1d8e6a7b53/Hello',
  },
  console: { openapiUrl: 'http://localhost:8080/openapi.json' },
};

/** Answers `/config.json` of the development server. */
function developmentSettings(): Plugin {
  return {
    name: 'weir:development-settings',
    configureServer(server) {
      server.middlewares.use('/config.json', (_request, response) => {
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify(DEVELOPMENT_SETTINGS));
      });
    },
  };
}

/**
 * Puts what the console needs from swagger-ui beside it: the script of its pop-up, whose name is fixed because the page
 * of the pop-up is registered at the provider, and the licences of what is in its bundle.
 */
function swaggerFiles(): Plugin {
  const read = (name: string): string =>
    readFileSync(createRequire(import.meta.url).resolve(`swagger-ui-dist/${name}`), 'utf8');
  const redirect = 'oauth2-redirect.js';
  return {
    name: 'weir:swagger-files',
    configureServer(server) {
      server.middlewares.use(`/developer/${redirect}`, (_request, response) => {
        response.setHeader('content-type', 'text/javascript');
        response.end(read(redirect));
      });
    },
    generateBundle() {
      const licences = [read('NOTICE'), read('LICENSE'), read('swagger-ui-es-bundle.js.LICENSE.txt')].join('\n\n');
      this.emitFile({ type: 'asset', fileName: `developer/${redirect}`, source: read(redirect) });
      this.emitFile({ type: 'asset', fileName: 'developer/licences.txt', source: licences });
    },
  };
}

export default defineConfig({
  plugins: [developmentSettings(), swaggerFiles()],
  // The redirect URI that the development provider knows names this port.
  server: { port: 3000, strictPort: true },
  build: {
    // A data: URL in place of a small file would need a laxer policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    license: { fileName: 'licences.txt' },
    // swagger-ui comes as one script of this size.
    chunkSizeWarningLimit: 2000,
    rolldownOptions: { input: { app: 'index.html', console: 'developer/index.html' } },
  },
  test: { include: ['src/**/*.test.ts'] },
});
