mapping {
  map eventParameters() onto 'all'
  map eventParameters().value('sku') onto 'sku'
  map eventParameter('sku') onto 'skuAsEver'
  map eventParameters().path('$.price') onto 'price'
  map { parse eventParameters().value('count') to int32 } onto 'count'

  map eventParameters().path('$.shopper') onto 'shopper'
  map eventParameters().path('$.shopper.address.city') onto 'city'
  map eventParameters().path('$.items') onto 'items'
  map eventParameters().path('$.items[*].sku') onto 'skus'
  map eventParameters().path('$.items[0].sku') onto 'firstSku'
  map eventParameters().path('$.tags') onto 'tags'
  map eventParameters().path('$.options') onto 'options'
  map eventParameters().path('$.missing') onto 'missing'

  for (name in ['red', 'green']) {
    map eventParameters().path('$.options.' + name) onto "option_$name"
  }
}
