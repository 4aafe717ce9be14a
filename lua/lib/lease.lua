-- A lease is an id in `leased`, scored by its deadline, and "fence startedAtMs worker" in `leases`.

local function packLease(fence, nowMs, worker)
  return whole(fence) .. " " .. whole(nowMs) .. " " .. worker
end

local function holdsFence(lease, fence)
  return lease and string.sub(lease, 1, #fence + 1) == fence .. " "
end
