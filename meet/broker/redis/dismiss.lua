-- Keep nothing of one shard's journal for an observer any more: `IBroker.dismiss`.
--
-- KEYS  journal asleep wiping, the observer's backfill
-- ARGV  observer
-- Answers 1 if the shard knew it, and how many other observers there are; where there are none, the journal
-- is gone, and with them it is yet to be trimmed.
local journal, asleep, wiping, backfill = unpack(KEYS)
local known, others = 0, 0
if redis.call('EXISTS', journal) == 1 then
    known = redis.call('XGROUP', 'DESTROY', journal, ARGV[1])
    others = #redis.call('XINFO', 'GROUPS', journal)
end
redis.call('SREM', asleep, ARGV[1])
redis.call('DEL', backfill)
if known == 1 and others == 0 then redis.call('DEL', journal, asleep, wiping) end
return {known, others}
