mapping {
  def ua = userAgent()
  map userAgentString() onto 'string'
  map ua.name() onto 'name'
  map ua.family() onto 'family'
  map ua.version() onto 'version'
  map ua.osFamily() onto 'osFamily'
  map ua.type() onto 'type'
  map ua.deviceCategory() onto 'deviceCategory'
}
