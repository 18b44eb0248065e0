-- An interpreter in a float loop: n-body, spectral norm and Mandelbrot. usage: lua numbers.lua ROUNDS
local rounds = tonumber(arg[1])

local bodies = {
  { x = 0, y = 0, z = 0, vx = 0, vy = 0, vz = 0, mass = 39.47 },
  { x = 4.84, y = -1.16, z = -.10, vx = .6, vy = 2.8, vz = -.02, mass = .037 },
  { x = 8.34, y = 4.12, z = -.4, vx = -1.01, vy = 1.8, vz = .008, mass = .011 },
  { x = 12.89, y = -15.11, z = -.22, vx = 1.08, vy = .86, vz = -.01, mass = .0017 },
}
local function advance(dt)
  for i = 1, #bodies do
    local a = bodies[i]
    for j = i + 1, #bodies do
      local b = bodies[j]
      local dx, dy, dz = a.x - b.x, a.y - b.y, a.z - b.z
      local square = dx * dx + dy * dy + dz * dz
      local magnitude = dt / (square * square ^ 0.5)
      a.vx, a.vy, a.vz = a.vx - dx * b.mass * magnitude, a.vy - dy * b.mass * magnitude, a.vz - dz * b.mass * magnitude
      b.vx, b.vy, b.vz = b.vx + dx * a.mass * magnitude, b.vy + dy * a.mass * magnitude, b.vz + dz * a.mass * magnitude
    end
  end
  for _, b in ipairs(bodies) do b.x, b.y, b.z = b.x + dt * b.vx, b.y + dt * b.vy, b.z + dt * b.vz end
end
for _ = 1, rounds * 1000 do advance(0.001) end
print(string.format("nbody %.12f", bodies[1].x + bodies[2].y))

local function element(i, j) return 1.0 / ((i + j) * (i + j + 1) / 2 + i + 1) end
local n, u, v = 60, {}, {}
for i = 0, n - 1 do u[i] = 1.0 end
for _ = 1, rounds do
  for i = 0, n - 1 do local s = 0.0; for j = 0, n - 1 do s = s + element(i, j) * u[j] end; v[i] = s end
  for i = 0, n - 1 do local s = 0.0; for j = 0, n - 1 do s = s + element(j, i) * v[j] end; u[i] = s * 0.7 end
end
print(string.format("norm %.12f", u[3]))

local inside = 0
for r = 1, rounds do
  for y = -10, 10 do
    for x = -20, 10 do
      local cr, ci, zr, zi, k = x / 10 + r * 1e-6, y / 8, 0.0, 0.0, 0
      while k < 40 and zr * zr + zi * zi < 4 do zr, zi, k = zr * zr - zi * zi + cr, 2 * zr * zi + ci, k + 1 end
      inside = inside + k
    end
  end
end
print("mandelbrot " .. inside)
