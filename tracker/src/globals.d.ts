/** Before the script has come: calls wait in `q`. */
interface HeadraceStub {
  (type: string, parameters?: unknown): void;
  consent(answer?: string): void;
  q?: [type: string, parameters?: any][];
}

interface Window {
  headrace?: HeadraceStub;
}

interface Navigator {
  readonly globalPrivacyControl?: boolean;
}

interface Document {
  readonly prerendering?: boolean;
}

/** What the collector writes in this place when it serves the script. */
declare const DIVOLTE_SETTINGS: {
  source: string;
  scriptName: string;
  eventSuffix: string;
  partyCookie: string;
  partyTimeout: number;
  sessionCookie: string;
  sessionTimeout: number;
  cookieDomain: string;
  autoPageView: boolean;
};
