/** What pages may call: `window.headrace`, `window.divolte`, and the same as a module. */

export type Answer = "granted" | "denied";
export type Feature = "vitals" | "errors" | "forms" | "commerce" | "clicks";

/** The page's own keys and values. They travel as JSON, at most 47 KB an event. */
export type Parameters = { readonly [name: string]: unknown };

export interface Product extends Parameters {
  readonly product_id?: string;
  readonly price?: number;
  readonly quantity?: number;
  readonly currency?: string;
}

export interface Order extends Parameters {
  readonly order_id?: string;
  /** What the order is worth; by default the full build adds its items up. */
  readonly revenue?: number;
  readonly currency?: string;
  readonly items?: readonly Product[];
}

/** Events whose parameters are known; others have any. */
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
  /** Calls that wait for the script. */
  q?: unknown[];
}

export interface Divolte {
  readonly partyId: string;
  readonly sessionId: string;
  /** Nothing until the page is shown. */
  readonly pageViewId: string | null;
  readonly isNewPartyId: boolean;
  readonly isFirstInSession: boolean;
  readonly isServerPageView: boolean;
  /** Gives the event's identifier; nothing happens without a type. */
  signal(type: string, parameters?: unknown): string | null;
  /** Calls back once all events so far are delivered, or kept for the next page. */
  whenCommitted(callback: () => void, timeoutMs?: number): void;
}

declare global {
  interface Window {
    headrace?: Headrace;
    divolte?: Divolte;
  }
}

export interface Tag {
  /** The script's address on the collector. */
  src: string;
  site: string;
  /** Where events go, if not beside the script. */
  endpoint?: string;
  /** Of the full build; all by default. */
  features?: readonly Feature[];
  /** Of the full build: whether the collector's own cookie goes with events that the visitor agreed to. */
  cookie?: boolean;
}

export function load(tag: Tag): void;
export function track<T extends string>(type: T, parameters?: T extends keyof KnownEvents ? KnownEvents[T] : Parameters): void;
export function pageView(parameters?: Parameters): void;
export function consent(answer: Answer): void;
export function viewProduct(product: Product): void;
export function addToCart(product: Product): void;
export function purchase(order: Order): void;
