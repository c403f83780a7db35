-- Sends the requests of a file in turn, a NUL between one and the next. The file is the first argument after `--`.
local requests, at = {}, 0

function init(args)
  local file = io.open(args[1], "rb")
  for request in (file:read("*a") .. "\0"):gmatch("(%Z*)%z") do
    requests[#requests + 1] = request
  end
  file:close()
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d\n", summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
