package import EventLoop

/// The feed: the changes of jobs that somebody follows, in a list that is kept until those who read it have passed it.
///
/// **Which jobs**: those accepted with ``JobRequest/isRecorded`` or with webhooks, or by a queue that has webhooks
/// (``FeedTerms``, in the record from then on). Of these every change of state is appended, and every one of the facts
/// beside it, all that is published as a `state` event, in the very step of the change: there is no change without its
/// entry, nor an entry without its change. Progress is not fed. For every other job nothing at all is done.
///
/// **Order**: entries stand in the order of the changes; those of one job in the order of its offsets.
///
/// **At least once**: an entry comes again until it was committed, whatever dies. Who acts on one has to make that safe
/// to repeat; a job's id, epoch and offset name the change for ever.
///
/// **Bound**: there are at most as many entries as the bound says, the newest; what a consumer had not read of older
/// ones is lost to it, counted, and told. What every registered consumer has passed is let go. A job that an archive
/// brings back is fed once as it stands, with the reason `restored`, one that has ended too: what waited in the feed
/// of the broker that was archived is not in the archive.
@EventLoop
package protocol FeedSource: AnyObject, Sendable {
  /// Lets a consumer read, from the oldest entry that is there, or from where it was; what comes is kept for it from now
  /// on. `bound` holds for the whole feed, as whoever registers last says.
  func register(_ consumer: FeedConsumer, bound: Int) async throws(BrokerError)

  /// Keeps nothing for a consumer any more. False: it was not registered.
  func forget(_ consumer: FeedConsumer) async throws(BrokerError) -> Bool

  /// The oldest entries that the consumer has not committed, at most `limit` (1…1000) and about a megabyte; the same again
  /// until it commits. One holder reads at a time: who asks is it until `lease` from now, or half
  /// of it where it was before, unless another one is. A
  /// consumer that nobody registered is registered.
  func feed(
    for consumer: FeedConsumer, holder: String, lease: Duration, limit: Int
  ) async throws(BrokerError) -> FeedBatch

  /// The consumer has done what is to be done up to this entry and with it, and is not given it again. False: another
  /// holder reads by now, and nothing was noted.
  func commit(
    _ consumer: FeedConsumer, through place: FeedPlace, holder: String
  ) async throws(BrokerError) -> Bool

  /// The holder stops reading: another one may begin at once. Nothing happens where it is not the one.
  func release(_ consumer: FeedConsumer, holder: String) async throws(BrokerError)

  /// How far every registered consumer is, by name.
  func feedStandings() async throws(BrokerError) -> [FeedStanding]
}
