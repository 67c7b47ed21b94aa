-- Take what was told to earlier workers of an observer and never acknowledged; from now on it tells no other.
--
-- KEYS  journal
-- ARGV  observer, worker
local cursor = '0-0'
repeat
    local claimed = redis.call('XAUTOCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, cursor, 'COUNT', 1000, 'JUSTID')
    cursor = claimed[1]
until cursor == '0-0'
redis.call('XGROUP', 'CREATECONSUMER', KEYS[1], ARGV[1], ARGV[2])
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
    if consumer[2] ~= ARGV[2] then redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], consumer[2]) end
end
return 1
