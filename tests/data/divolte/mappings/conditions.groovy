mapping {
  def isCart = eventType().equalTo('addToCart')
  def param = eventParameters().value('quantity')

  when isCart.and(param.isPresent()) apply {
    map 'both' onto 'first'
  }
  when(not(isCart)).apply { map 'not a cart' onto 'second' }
  when { isCart.or(firstInSession()) } apply { map 'either' onto 'third' }

  when referer().isAbsent() apply {
    when location().equalTo('https://shop.example/') apply {
      map 'direct, home' onto 'fourth'
    }
  }
  when referer().equalTo(location()) apply { map 'same' onto 'fifth' }

  // An absent side makes it absent, and what is absent does not hold.
  when isCart.or(match('.*').against(referer()).matches()) apply { map 'referred' onto 'sixth' }
  when viewportPixelWidth().equalTo(1440) apply { map 'wide' onto 'seventh' }
}
