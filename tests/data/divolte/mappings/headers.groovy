mapping {
  map header('Accept-Language') onto 'languages'
  map header('accept-language').first() onto 'first'
  map header('Accept-Language').last() onto 'last'
  map header('Accept-Language').get(1) onto 'second'
  map header('Accept-Language').get(-3) onto 'thirdLast'
  map header('Accept-Language').get(7) onto 'eighth'
  map header('Accept-Language').commaSeparated() onto 'joined'
  map header('X-Missing').isAbsent() onto 'isMissing'
  map header('X-Missing').first() onto 'missing'
  map cookie('visitor') onto 'visitor'
  map cookie('Visitor') onto 'otherCase'
}
