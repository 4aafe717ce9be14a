-- A lease is an id in `leased`, scored by its deadline, and "fence startedAtMs worker" in `leases`.

-- Redis keeps a small hash of short values as a list, and looks through all of it for each id that it writes. One longer value
-- makes it a table.
local LEASE_BYTES_MIN = 65

local function packLease(fence, nowMs, worker)
  return string.format("%-" .. LEASE_BYTES_MIN .. "s", whole(fence) .. " " .. whole(nowMs) .. " " .. worker)
end

local function holdsFence(lease, fence)
  return lease and string.sub(lease, 1, #fence + 1) == fence .. " "
end
