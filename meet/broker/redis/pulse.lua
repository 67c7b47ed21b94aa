-- This process lives: what work is its to do, and who no longer lives.
--
-- KEYS  alive gone adopted leases workers shares seen
-- ARGV  process, milliseconds without a pulse after which one is dead, shards, 1 if it adopts others,
--       how many names of leases follow, those, names of observers
-- Answers: 1 if this process had been taken for dead; processes that are this one's to adopt, each with
-- the second at which it was last alive; the leases that it has; for each observer its name, whether this
-- process has more shards than its share, and the shards.
local alive, gone, adopted, leases, workers, shares, seen = unpack(KEYS)
local process, patience, shards, adopts, named =
    ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4] == '1', tonumber(ARGV[5])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local function lives(who)
    local last = redis.call('ZSCORE', alive, who)
    return last and tonumber(last) >= now - patience
end

local lapsed = redis.call('ZSCORE', alive, process) and not lives(process) and 1 or 0
if redis.call('HDEL', gone, process) == 1 then lapsed = 1 end
redis.call('HDEL', adopted, process)
redis.call('ZADD', alive, now, process)

for _, who in ipairs(redis.call('ZRANGEBYSCORE', alive, '-inf', '(' .. (now - patience))) do
    redis.call('HSET', gone, who, redis.call('ZSCORE', alive, who))
    redis.call('ZREM', alive, who)
end
local dead = {}
local left = adopts and redis.call('HGETALL', gone) or {}
for each = 1, #left, 2 do
    local by = redis.call('HGET', adopted, left[each])
    if not by or by == process or not lives(by) then
        redis.call('HSET', adopted, left[each], process)
        dead[#dead + 1] = left[each]
        dead[#dead + 1] = tostring(tonumber(left[each + 1]) / 1000)
    end
end

local mine = {}
for each = 6, 5 + named do
    local owner = redis.call('HGET', leases, ARGV[each])
    if not owner or owner == process or not lives(owner) then
        redis.call('HSET', leases, ARGV[each], process)
        mine[#mine + 1] = ARGV[each]
    end
end

local shared = {}
for each = 6 + named, #ARGV do
    local observer = ARGV[each]
    redis.call('HSET', seen, observer, now)
    redis.call('HSET', workers, observer .. ' ' .. process, '1')
    local count = 0
    for _, worker in ipairs(redis.call('HKEYS', workers)) do
        local what, who = string.match(worker, '^(.*) (%S+)$')
        if what == observer then
            if lives(who) then count = count + 1 else redis.call('HDEL', workers, worker) end
        end
    end
    local fair = math.ceil(shards / count)
    local own, free = {}, {}
    for shard = 0, shards - 1 do
        local owner = redis.call('HGET', shares, observer .. ' ' .. shard)
        if owner == process then
            own[#own + 1] = shard
        elseif not owner or not lives(owner) then
            free[#free + 1] = shard
        end
    end
    while #own < fair and #free > 0 do
        local shard = table.remove(free)
        redis.call('HSET', shares, observer .. ' ' .. shard, process)
        own[#own + 1] = shard
    end
    shared[#shared + 1] = {observer, math.max(0, #own - fair), own}
end
return {lapsed, dead, mine, shared}
