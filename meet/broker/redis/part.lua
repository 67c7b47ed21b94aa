-- This process gives up what it has of the work, or all of it.
--
-- KEYS  alive gone adopted leases workers shares
-- ARGV  process, then one of: 'all' · 'lease' and names · 'shards', an observer and shards ·
--       'observer' and its name, whose shards go too · 'buried' and processes that were adopted
local alive, gone, adopted, leases, workers, shares = unpack(KEYS)
local process, what = ARGV[1], ARGV[2]
local function give(hash, field)
    if redis.call('HGET', hash, field) == process then redis.call('HDEL', hash, field) end
end
if what == 'lease' then
    for each = 3, #ARGV do give(leases, ARGV[each]) end
elseif what == 'shards' then
    for each = 4, #ARGV do give(shares, ARGV[3] .. ' ' .. ARGV[each]) end
elseif what == 'observer' then
    redis.call('HDEL', workers, ARGV[3] .. ' ' .. process)
    for _, field in ipairs(redis.call('HKEYS', shares)) do
        if string.match(field, '^(.*) %d+$') == ARGV[3] then give(shares, field) end
    end
elseif what == 'buried' then
    for each = 3, #ARGV do
        redis.call('HDEL', gone, ARGV[each])
        redis.call('HDEL', adopted, ARGV[each])
    end
else
    for _, hash in ipairs({leases, shares}) do
        for _, field in ipairs(redis.call('HKEYS', hash)) do give(hash, field) end
    end
    for _, worker in ipairs(redis.call('HKEYS', workers)) do
        if string.match(worker, '(%S+)$') == process then redis.call('HDEL', workers, worker) end
    end
    local time = redis.call('TIME')
    redis.call('ZREM', alive, process)
    redis.call('HSET', gone, process, tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000))
end
return 1
