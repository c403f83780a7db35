// The values of an event, each onto a field of its own.
mapping {
  map duplicate() onto 'detectedDuplicate'
  map corrupt() onto 'detectedCorruption'
  map firstInSession() onto 'firstInSession'
  map timestamp() onto 'timestamp'
  map clientTimestamp() onto 'clientTimestamp'
  map remoteHost() onto 'remoteHost'

  map referer() onto 'referer'
  map location() onto 'location'
  map viewportPixelWidth() onto 'viewportPixelWidth'
  map viewportPixelHeight() onto 'viewportPixelHeight'
  map screenPixelWidth() onto 'screenPixelWidth'
  map screenPixelHeight() onto 'screenPixelHeight'
  map devicePixelRatio() onto 'devicePixelRatio'

  map partyId() onto 'partyId'
  map sessionId() onto 'sessionId'
  map pageViewId() onto 'pageViewId'
  map eventId() onto 'eventId'
  map eventType() onto 'eventType'
  map userAgentString() onto 'userAgentString'

  /*
   * Constants have the type of the field.
   */
  map 'string' onto 'stringField'
  map true onto 'booleanField'
  map 42 onto 'intField'
  map 42L onto 'longField'
  map 42.0f onto 'floatField'
  map 42.0d onto 'doubleField'
}
