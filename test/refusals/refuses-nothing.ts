/** Public functions that have no table, and why: they can refuse nothing, or leave it to what they are handed on to. */
export const REFUSES_NOTHING: readonly { readonly why: string; readonly names: readonly RegExp[] }[] = [
  {
    why: 'asks something of any value, or says it of an error',
    names: [
      /^(?:isEventSourcingError|mongoError|postgresError|sqliteError|exitCodeOf|storedEventEquals|crossesInterval)$/,
      /\.(?:is|equals)$/,
      /^ObservableValue\.|^new ObservableValue$/,
      /^encodeHeaderValue$/,
    ],
  },
  {
    why: 'looks for what has such a text: what nobody has is not found, and nothing comes of it',
    names: [
      /SnapshotStore\.(?:select|remove|within)$/,
      /EventIndex\.(?:hasEvent|findEvent)$/,
      /^(?:Memory|Sql)Outbox\.(?:retry|resolve|discard)$/,
      /^EventRegistry\.(?:hasTopic|ownerOf|byType|topics|assertKnows)$/,
      /^Environment\.(?:get|getText|keys|fromProcess|refusal)$/,
      /^ReplicaRegistry\.(?:restore|revoke)$/,
      /^TenantLogs\.(?:forget|hold)$/,
      /^PostgresTenants\.(?:hold|cancelMove|removeMoved|standing)$/,
    ],
  },
  {
    why: 'is called by the application, a worker or a runner, with what these have made or checked',
    names: [
      /\.(?:onCommitted|onUnitsChanged|onEventsChanged|noteChanged|noteEventsChanged)$/,
      /(?:Outbox|EventIndex|InlineProjection)\.onRecorded$/,
      /EventIndex\.(?:catchUp|notifications)$/,
      /^(?:Memory|Sql)Outbox\.(?:claim|renew|settle|release)$/,
      /ProjectionStore\./,
      /^new (?:Memory|Sql)ProjectionStore$/,
      /^DeadLetters\.|^new (?:DeadLetters|Repository|SetAsideUnits)$/,
      /EventEnvelopeMapper/,
      /^Application\.(?:changeUnits|decideAgain|decode|newerEvent)$/,
      /^(?:Publisher|BroadcastPublisher|NatsPublisher|WebhookPublisher)\.publish$/,
      /^(?:projectionHash|tablesHash|historyDigest)$/,
      /^(?:MapAsItems|SetAsItems|UUIDAsHex|BytesAsBase64|DatetimeAsISO|DecimalAsStr)\.(?:encode|decode)$/,
      /^AESCipher\.encrypt$|^KeyRingCipher\.(?:encrypt|decrypt)$/,
      /^ZlibCompressor\.compress$/,
      /^Mapper\.toStoredEvent$/,
      /^encodeEnvelope$/,
    ],
  },
  {
    why: 'is called by the sync server, by synchronisation, or by the registry of replicas, which have checked the request',
    names: [
      /UnitLog\.(?:push|page|news|common|heal|history|serverRecords|refused|findRefused|allow|discardRefused)$/,
      /^MemoryUnitLog\.(?:insertBeside|reopened)$/,
      /^new StoredUnitLog$/,
      // As that of MemoryUnitLog, which has a row.
      /^(?:Stored|Postgres|Sqlite)UnitLog\.sentAfter$/,
      /ReplicaStore\.(?:select|bind|noteSeen|setRevoked)$/,
      /^ReplicaRegistry\.(?:admit|noteAcked)$/,
      /^(?:TenantLogs|PostgresTenants)\.(?:use|move)$/,
      /^SetAsideUnits\.(?:list|retry|discard)$/,
      /^RemoteSubjectKeys\./,
      /^(?:answerKeys|copyReplicas)$/,
    ],
  },
  {
    why: 'defines what an application is made of, which refuses it when it is made: the domain knows no errors of storage',
    names: [
      /^(?:defineDecider|event|command|send|emptyAggregate|statefulAggregate)$/,
      /^(?:Aggregate|StatefulAggregate)\.(?:of|replay|restore|markCommitted)$/,
      /^StatefulAggregate\.apply$/,
      /^new (?:Stateful)?Aggregate$/,
    ],
  },
  {
    why: 'only takes what is lent, by its shape, or a text that was read before',
    names: [
      /^new (?:UUID|DateTime|Decimal|AESCipher|KeyRingCipher|JSONNotificationLogView|NotificationLogReader|LiveQueries)$/,
      /^new (?:MemoryAggregateRecorder|MemoryApplicationRecorder|MemoryProcessRecorder|MemoryCheckpoints)$/,
      /^new (?:Environment|InfrastructureFactory|NatsPublisher|MemoryFactory|SqliteFactory|SqlJsFactory)$/,
      /^UUID\.fromName$/,
      /^JSONTranscoder\.register$/,
      /^InfrastructureFactory\.(?:aggregateRecorder|eventStore|mapper|registerComponents)$/,
      /^(?:Memory|Sqlite|NodeSqlite|SqlJs|Postgres)Factory\.aggregateRecorder$/,
      /^(?:pgliteDriver|postgresJsPool|singleClient|steppedUnit|ownTablesOf|sessionMiddleware|createSession|postgresOptionsFromEnvironment)$/,
      /^(?:daybookObject|openDaybookObject|outboxJob|processJob|projectionJob)$/,
      /^(?:wrapWorker|serve|attachRescue|openStoreFile|objectSqlite|openObjectRecorder)$/,
      /^(?:System\.start|ProjectionRunner\.(?:rebuild|reset))$/,
      /^(?:followForgetting|invalidateFrom)$/,
    ],
  },
  {
    why: 'runs in the runtime of Workers, where its tests are (test/workerd), and takes requests, which are answered',
    names: [/^openSyncHub$/, /^SyncHub\.(?:fetch|webSocketClose)$/, /^tenantOf$/, /^new LogForwarding$/, /^copyLog$/],
  },
  {
    why: 'needs a broker, and is refused where its tests are: publishing/nats-head-news.test.ts',
    names: [/^new NatsHeadNews$/, /^NatsHeadNews\.createStream$/],
  },
  {
    why: 'is called by the sync server, with what it knows of its own logs',
    names: [/^NatsHeadNews\.(?:announce|listen)$/],
  },
  {
    why: 'is for tests, and fails the test',
    names: [
      /^(?:aggregate|decider|process|memoryProjection|sqlProjection)Specification$/,
      /^(?:inMemoryApplication|inMemoryOptions|sequentialIds|expectEqual|expectRejection|expectTrue|recordWith)$/,
      /^sample(?:Event|Events|RecordedEvent|Unit)$/,
      /^(?:new )?(?:ManualClock|CountingWorld)/,
    ],
  },
];
