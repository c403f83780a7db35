mapping {
  def visited = match '^https?://([a-z]+)\\.shop\\.example(/.*)?$' against location()
  map visited.matches() onto 'isShop'
  map visited.group(1) onto 'country'
  map visited.group(2) onto 'rest'

  def search = match(/^https:\/\/www\.(?<engine>[a-z]+)\.[a-z]+\/.*$/).against(referer())
  when search.matches() apply {
    map search.group('engine') onto 'engine'
  }
}
