/// What every broker does. The prose on its parts is the contract; `BrokerContract` in the tests is
/// the same prose as assertions, run on each implementation.
///
/// **Time** is the broker's own: Redis's `TIME`, or the clock an embedded broker was given.
/// **Acknowledged means kept**: when a call that changes something returns, the change survives the
/// death of any process.
/// **One step**: a change of state, the number of its event and its publication cannot be seen apart.
/// Who receives an event and then reads the record finds it at that event or later.
/// **Cost**: no verb is worse than O(log n) in the number of jobs, times those it was asked to touch.
package typealias Broker = JobQueue & JobControl & QueueAdministration & WorkerDirectory
  & JobGroups & ScheduleBook & EventSource & RequestBudget & BrokerArchive & BrokerAudit
