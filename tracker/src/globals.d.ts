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
