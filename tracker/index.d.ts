/** The API of pages: `window.headrace`, `window.divolte`, and the module. */

export type Answer = "granted" | "denied";
export type Feature = "vitals" | "errors" | "forms" | "commerce" | "clicks";

/** The page's own keys and values, sent as JSON; at most 47 KB per event. */
export type Parameters = { readonly [name: string]: unknown };

export interface Product extends Parameters {
  readonly product_id?: string;
  readonly price?: number;
  readonly quantity?: number;
  readonly currency?: string;
}

export interface Order extends Parameters {
  readonly order_id?: string;
  /** The revenue of the order; by default the full build adds up its items. */
  readonly revenue?: number;
  readonly currency?: string;
  readonly items?: readonly Product[];
}

/** Events with typed parameters; others may have any. */
export interface KnownEvents {
  pageView: Parameters;
  viewProduct: Product;
  addToCart: Product;
  purchase: Order;
  consent: Answer;
}

export interface Headrace {
  <T extends string>(type: T, parameters?: T extends keyof KnownEvents ? KnownEvents[T] : Parameters): void;
  consent(answer: Answer): void;
  /** Calls that are queued until the script has loaded. */
  q?: unknown[];
}

export interface Divolte {
  readonly partyId: string;
  readonly sessionId: string;
  /** Undefined until the page is visible. */
  readonly pageViewId: string | null;
  readonly isNewPartyId: boolean;
  readonly isFirstInSession: boolean;
  readonly isServerPageView: boolean;
  /** Returns the event's identifier; without a type it does nothing. */
  signal(type: string, parameters?: unknown): string | null;
  /** Calls back once all events so far are delivered, or stored for the next page. */
  whenCommitted(callback: () => void, timeoutMs?: number): void;
}

declare global {
  interface Window {
    headrace?: Headrace;
    divolte?: Divolte;
  }
}

export interface Tag {
  /** The URL of the script on the collector. */
  src: string;
  site: string;
  /** The URL for events, if it is not next to the script. */
  endpoint?: string;
  /** Features of the full build; all by default. */
  features?: readonly Feature[];
  /** In the full build: whether requests send the collector's cookie with consented events. */
  cookie?: boolean;
}

export function load(tag: Tag): void;
export function track<T extends string>(type: T, parameters?: T extends keyof KnownEvents ? KnownEvents[T] : Parameters): void;
export function pageView(parameters?: Parameters): void;
export function consent(answer: Answer): void;
export function viewProduct(product: Product): void;
export function addToCart(product: Product): void;
export function purchase(order: Order): void;
