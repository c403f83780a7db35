mapping {
  def place = ip2geo(header('X-Client').first())
  map place.countryCode() onto 'countryCode'
  map place.countryName() onto 'countryName'
  map place.continentCode() onto 'continentCode'
  map place.cityName() onto 'cityName'
  map ip2geo().countryCode() onto 'ownCountryCode'
}
