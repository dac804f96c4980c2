/// What every broker does. The prose on its parts is the contract; `BrokerContract` in the tests is
/// the same prose as assertions, run on each implementation.
///
/// **Time** is the broker's own: Redis's `TIME`, or the clock an embedded broker was given.
/// **Acknowledged means kept**: when a call that changes something returns, the change survives the
/// death of any process.
/// **One step**: a change of state, the number of its event and its publication cannot be seen apart.
/// Who receives an event and then reads the record finds it at that event or later.
/// **Cost**: no verb is worse than O(log n) in the number of jobs, times those it was asked to touch, and what
/// nobody asked for is done in bounded steps. But for these: a place in the embedded broker costs a walk over
/// n/512 counts; clearing scheduled or retrying jobs looks, in Redis, at those of all queues, 500 a step; the
/// embedded broker, when it forgets a parent, tells at once those of its children that were not told yet, and
/// mends what an audit found by making its orders anew, O(n log n) in one go.
package typealias Broker = JobQueue & JobControl & QueueAdministration & WorkerDirectory
  & JobGroups & ScheduleBook & EventSource & RequestBudget & NodeDirectory & RevocationList & BrokerArchive
  & BrokerAudit & FeedSource
