/** The tracker as a module: loads the script from the collector and exports typed functions for its calls. */

/** Calls before the script has loaded are queued in `q`. */
const tracker = () => {
  if (!window.headrace?.consent) {
    const stub = (...call) => stub.q.push(call);
    stub.q = [];
    stub.consent = (answer) => stub("consent", answer);
    window.headrace = stub;
  }
  return window.headrace;
};

/** Adds the script tag to the page; `src` is the script's URL on the collector. */
export const load = ({ src, site, endpoint, features, cookie }) => {
  tracker();
  const script = document.createElement("script");
  script.async = true;
  script.src = src;
  script.dataset.site = site;
  if (endpoint) script.dataset.endpoint = endpoint;
  if (features) script.dataset.features = features.join(" ");
  if (cookie) script.dataset.cookie = "";
  document.head.append(script);
};

export const track = (type, parameters) => void tracker()(type, parameters);
export const pageView = (parameters) => track("pageView", parameters);
export const consent = (answer) => void tracker().consent(answer);
export const viewProduct = (product) => track("viewProduct", product);
export const addToCart = (product) => track("addToCart", product);
export const purchase = (order) => track("purchase", order);
