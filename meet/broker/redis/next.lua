-- The next records for one worker; if there are none, whoever adds one wakes the observers.
--
-- KEYS  journal asleep
-- ARGV  observer, worker, most, '0' for those it was told and has not acknowledged or '>' for new ones
-- Answers the records; or 'lost' if another worker has inherited since, which is to be told them instead.
if redis.call('EXISTS', KEYS[1]) == 0 then return redis.error_reply('NOGROUP There is no journal') end
local stands = false
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
    stands = stands or consumer[2] == ARGV[2]
end
if not stands then return 'lost' end
local found = redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', ARGV[3], 'STREAMS', KEYS[1], ARGV[4])
local records = found and found[1][2] or {}
if #records == 0 and ARGV[4] == '>' then redis.call('SADD', KEYS[2], ARGV[1]) end
return records
