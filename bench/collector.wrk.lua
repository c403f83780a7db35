-- POSTs the requests of a file in turn; each line is an agent, a tab, a body. The file is the first argument after `--`.
local requests, at = {}, 0

function init(args)
  for line in io.lines(args[1]) do
    local agent, body = line:match("^([^\t]*)\t(.*)$")
    local headers = {
      ["Content-Type"] = "text/plain;charset=UTF-8", ["User-Agent"] = agent, ["Accept"] = "*/*", ["Accept-Language"] = "en-GB,en;q=0.5",
      ["Accept-Encoding"] = "gzip, deflate", ["Origin"] = "https://shop.example", ["Referer"] = "https://shop.example/",
      ["Sec-Fetch-Mode"] = "cors",
    }
    requests[#requests + 1] = wrk.format("POST", "/h", headers, body)
  end
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
