mapping {
  // A pseudonym: the same as long as the seed is.
  def pseudonym = digest('sha-256', 'foo').add(eventType()).result()

  map pseudonym onto 'bytes'
  map pseudonym.toHexLower() onto 'hex'
  map pseudonym.toBase64() onto 'base64'
  map digest('sha-224', 'foo')
    .add('hel')
    .add('lo')
    .result()
    .toHexUpper() onto 'sha224'
  map digest('SHA-256').add(eventType()).add(referer()).result().toHexLower() onto 'plain'
}
