//! The part of swagger-ui that the console uses; the package has no types of its own.

declare module 'swagger-ui-dist/swagger-ui-es-bundle.js' {
  interface Options {
    domNode: HTMLElement;
    url: string;
    layout: 'BaseLayout';
    oauth2RedirectUrl: string;
    validatorUrl: null;
    persistAuthorization: boolean;
    deepLinking: boolean;
    displayRequestDuration: boolean;
    defaultModelsExpandDepth: number;
    syntaxHighlight: { theme: string };
  }

  interface OAuthOptions {
    clientId: string;
    appName: string;
    scopes: string[];
    usePkceWithAuthorizationCodeGrant: boolean;
  }

  interface Console {
    initOAuth(options: OAuthOptions): void;
  }

  const SwaggerUI: (options: Options) => Console;
  export default SwaggerUI;
}
