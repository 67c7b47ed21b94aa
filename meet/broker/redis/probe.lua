-- Write and send what an entry would need written and sent: `IBroker.probe`.
--
-- KEYS  a key of the shard
-- ARGV  channel, message
redis.call('SET', KEYS[1], ARGV[2], 'PX', 60000)
redis.call('PUBLISH', ARGV[1], ARGV[2])
return 1
