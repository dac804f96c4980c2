/// What nodes tell each other, over the control channel.
package enum ControlMessage: Hashable, Sendable {
  /// Tokens are void from now on; it stands on the list (``RevocationList``).
  case revoked(Revocation)
  case question(SurveyQuestion)
  case answer(SurveyAnswer)
}

/// Something that one node asks all others.
package struct SurveyQuestion: Hashable, Sendable {
  /// The asker's own number of it.
  package var number: Int
  package var asker: NodeID
  /// What is asked: a word that the nodes know.
  package var topic: String
  /// About what.
  package var subject: String

  package init(number: Int, asker: NodeID, topic: String, subject: String) {
    self.number = number
    self.asker = asker
    self.topic = topic
    self.subject = subject
  }
}

/// What a node answers, to the asker alone.
package struct SurveyAnswer: Hashable, Sendable {
  /// ``SurveyQuestion/number``.
  package var number: Int
  package var node: NodeID
  package var content: JSONText

  /// The most bytes of an answer: a longer one is not sent.
  package static let byteLimit = 4 << 10

  package init(number: Int, node: NodeID, content: JSONText) {
    self.number = number
    self.node = node
    self.content = content
  }
}
