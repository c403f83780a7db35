mapping {
  map eventType() onto 'eventType'
  map 'other' onto 'pageType'

  def locationUri = parse location() to uri

  // Robots and repeats are of no interest beyond their event type.
  when duplicate().equalTo(true) stop()

  section {
    when eventType().equalTo('pageView').negate() exit()

    def checkout = match '^/checkout/(?<step>basket|payment|done)/?$' against locationUri.path()
    when checkout.matches() apply {
      map 'checkout' onto 'pageType'
      map checkout.group('step') onto 'step'

      when checkout.group('step').equalTo('done') apply {
        map true onto 'isPurchase'
        stop()   // nothing below belongs to a purchase
      }
      exit()
    }

    def product = match('^/product/([a-z0-9-]+)/([0-9]+)$') against locationUri.path()
    when { product.matches() } apply {
      map 'product' onto 'pageType'
      map { parse product.group(2) to int32 } onto 'productId'
      exit()
    }

    when locationUri.path().equalTo('/').or(locationUri.path().equalTo('/index.html')) apply {
      map 'home' onto 'pageType'
    }
  }

  map locationUri.path() onto 'path'
}
