-- A bytecode interpreter on objects: queens, string building, tables as maps, closures, method calls, a heap.
-- usage: lua objects.lua ROUNDS
local rounds = tonumber(arg[1])
local seed = 42
local function random(n) seed = (seed * 1103515245 + 12345) & 0x7fffffff; return (seed >> 8) % n end

local function queens(n, row, columns, left, right)
  if row > n then return 1 end
  local found = 0
  for c = 1, n do
    if not columns[c] and not left[row + c] and not right[row - c + n] then
      columns[c], left[row + c], right[row - c + n] = true, true, true
      found = found + queens(n, row + 1, columns, left, right)
      columns[c], left[row + c], right[row - c + n] = nil, nil, nil
    end
  end
  return found
end

local Account = {}
Account.__index = Account
function Account.new(name) return setmetatable({ name = name, balance = 0, log = {} }, Account) end
function Account:deposit(amount)
  self.balance = self.balance + amount
  self.log[#self.log + 1] = amount
  if #self.log > 20 then self.log = {} end
  return self
end

local sum = 0
for r = 1, rounds do
  sum = sum + queens(6, 1, {}, {}, {})
  local accounts, words = {}, {}
  for i = 1, 200 do
    local name = "account" .. random(40)
    accounts[name] = accounts[name] or Account.new(name)
    accounts[name]:deposit(i):deposit(-random(i))
    words[#words + 1] = string.format("%s=%d", name, accounts[name].balance)
  end
  local text = table.concat(words, ";")
  for name, balance in text:gmatch("(%w+)=(%-?%d+)") do sum = (sum * 31 + #name + tonumber(balance)) % 1000003 end
  local heap = {}
  for i = 1, 200 do heap[i] = random(1000) end
  table.sort(heap, function(a, b) return a > b end)
  sum = (sum + heap[10] * heap[50] + #text:gsub("a", "bb"):upper()) % 1000003
end
print("objects " .. sum)
