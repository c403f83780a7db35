// Sends the requests of a file (a NUL between one and the next) at a fixed rate over some connections, whatever the answers do.
// A latency counts from the moment a request was due; if only this program woke late for it, from then.
//
//	go run openloop.go ADDRESS FILE RATE CONNECTIONS SECONDS
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sort"
	"strconv"
	"sync"
	"time"
)

func number(text string) float64 {
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		panic(err)
	}
	return value
}

// send sends every nth request when it is due and gives the latencies in ms; an error or another status than 200 ends it.
func send(address string, requests [][]byte, nth int, first, end time.Time, gap time.Duration) (latencies []float64, failure error) {
	connection, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	reader := bufio.NewReader(connection)
	for due, at := first, nth; due.Before(end); due, at = due.Add(gap), at+1 {
		from := due
		if ahead := time.Until(due); ahead > 0 {
			time.Sleep(ahead)
			from = time.Now()
		}
		if _, err := connection.Write(requests[at%len(requests)]); err != nil {
			return latencies, err
		}
		answer, err := http.ReadResponse(reader, nil)
		if err != nil {
			return latencies, err
		}
		io.Copy(io.Discard, answer.Body)
		if answer.StatusCode != 200 {
			return latencies, fmt.Errorf("status %d", answer.StatusCode)
		}
		latencies = append(latencies, float64(time.Since(from).Microseconds())/1000)
	}
	return latencies, nil
}

func main() {
	address, rate, connections, seconds := os.Args[1], number(os.Args[3]), int(number(os.Args[4])), number(os.Args[5])
	content, err := os.ReadFile(os.Args[2])
	if err != nil {
		panic(err)
	}
	requests := bytes.Split(content, []byte{0})
	gap := time.Duration(float64(connections) / rate * 1e9)
	start := time.Now().Add(200 * time.Millisecond)
	end := start.Add(time.Duration(seconds * 1e9))
	var group sync.WaitGroup
	results, failed := make([][]float64, connections), make([]error, connections)
	for one := range results {
		group.Add(1)
		go func() {
			defer group.Done()
			results[one], failed[one] = send(address, requests, one*7, start.Add(gap*time.Duration(one)/time.Duration(connections)), end, gap)
		}()
	}
	group.Wait()
	taken := time.Since(start).Seconds()
	var all []float64
	failures := 0
	for one, result := range results {
		all = append(all, result...)
		if failed[one] != nil {
			failures++
			fmt.Fprintln(os.Stderr, failed[one])
		}
	}
	sort.Float64s(all)
	at := func(share float64) float64 { return all[int(float64(len(all)-1)*share)] }
	fmt.Printf("RESULT %.0f %.2f %.2f %d\n", float64(len(all))/taken, at(0.5), at(0.99), failures)
}
