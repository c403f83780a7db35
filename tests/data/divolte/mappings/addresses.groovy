mapping {
  def locationUri = parse location() to uri

  map locationUri.scheme() onto 'scheme'
  map locationUri.host() onto 'host'
  map locationUri.port() onto 'port'
  map locationUri.path() onto 'path'
  map locationUri.rawPath() onto 'rawPath'
  map locationUri.rawQueryString() onto 'rawQuery'
  map locationUri.decodedQueryString() onto 'decodedQuery'
  map locationUri.query() onto 'queryMap'
  map locationUri.query().value('q') onto 'q'
  map locationUri.query().valueList('colour') onto 'colours'

  // The page keeps its own state behind the #: an address within the address.
  map {
    def fragmentUri = parse locationUri.rawFragment() to uri
    fragmentUri.path()
  } onto 'fragmentPath'

  def fragment = parse locationUri.rawFragment() to uri
  map fragment.query().value('page') onto 'page'
  map { parse fragment.query().value('page') to int64 } onto 'pageNumber'
  map { parse fragment.query().value('exact') to bool } onto 'isExact'
  map { parse fragment.query().value('score') to fp64 } onto 'score'
  map { parse fragment.query().value('score') to fp32 } onto 'smallScore'
  map locationUri.decodedFragment() onto 'decodedFragment'
}
