package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

const warming = 2 * time.Second

// writing is how changes are put: as etcd's users do, each by itself as soon as it is there, or as a Catwalk publisher groups them on its own disk, those
// of one pace in one transaction. Many may be under way, so that nothing waits for an answer.
type writing struct {
	pace     time.Duration
	maxOps   int
	underWay int
}

var writings = map[string]writing{
	"single": {pace: time.Millisecond, maxOps: 1, underWay: 256},
	// 128 is etcd's default bound for one transaction.
	"grouped": {pace: 3 * time.Millisecond, maxOps: 128, underWay: 8},
}

func load(endpoint, file, watchersText, rateText, secondsText, writingText string) error {
	watchers, err1 := strconv.Atoi(watchersText)
	rate, err2 := strconv.Atoi(rateText)
	seconds, err3 := strconv.Atoi(secondsText)
	if err1 != nil || err2 != nil || err3 != nil {
		return fmt.Errorf("WATCHERS, RATE and SECONDS are whole numbers")
	}
	way, ok := writings[writingText]
	if !ok {
		return fmt.Errorf("WRITING is single or grouped")
	}
	values, err := readValues(file)
	if err != nil {
		return err
	}
	context, cancel := context.WithCancel(context.Background())
	defer cancel()
	var delivered atomic.Int64
	var warmed atomic.Bool
	latencies := make(chan []float64, 1)
	for n := range watchers {
		client, err := connect(endpoint)
		if err != nil {
			return err
		}
		defer client.Close()
		events := client.Watch(clientv3.WithRequireLeader(context), "/pods/", clientv3.WithPrefix(), clientv3.WithCreatedNotify())
		<-events
		// One of them looks at the time; all of them take everything.
		go watch(events, &delivered, n == 0, &warmed, latencies)
	}
	client, err := connect(endpoint)
	if err != nil {
		return err
	}
	defer client.Close()
	// Not looked at yet, as in our own round.
	put(context, client, values, rate, warming, way)
	time.Sleep(500 * time.Millisecond)
	warmed.Store(true)
	before := delivered.Load()
	offered, took := put(context, client, values, rate, time.Duration(seconds)*time.Second, way)
	time.Sleep(500 * time.Millisecond)
	cancel()
	seen := <-latencies
	slices.Sort(seen)
	quantile := func(q float64) float64 {
		if len(seen) == 0 {
			return -1
		}
		return seen[min(len(seen)-1, int(float64(len(seen))*q))]
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]float64{
		"p50": quantile(0.5), "p99": quantile(0.99), "delivered": float64(delivered.Load() - before), "warming": float64(before), "offered": float64(offered), "seconds": took.Seconds(),
	})
}

func connect(endpoint string) (*clientv3.Client, error) {
	return clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, DialTimeout: 10 * time.Second})
}

func watch(events clientv3.WatchChan, delivered *atomic.Int64, timed bool, warmed *atomic.Bool, latencies chan<- []float64) {
	var seen []float64
	for response := range events {
		now := time.Now().UnixNano()
		delivered.Add(int64(len(response.Events)))
		if !timed || !warmed.Load() {
			continue
		}
		for _, event := range response.Events {
			at := int64(binary.LittleEndian.Uint64(event.Kv.Value))
			seen = append(seen, float64(now-at)/1e6)
		}
	}
	if timed {
		latencies <- seen
	}
}

// put offers changes at the rate.
func put(context context.Context, client *clientv3.Client, values [][]byte, rate int, duration time.Duration, way writing) (int, time.Duration) {
	began := time.Now()
	offered := 0
	slots := make(chan struct{}, way.underWay)
	for time.Since(began) < duration {
		due := int(time.Since(began).Seconds() * float64(rate))
		for offered < due {
			ops := make([]clientv3.Op, 0, way.maxOps)
			for ; offered < due && len(ops) < way.maxOps; offered++ {
				n := offered % len(values)
				// A change happens when it is due, whenever it is sent.
				at := began.Add(time.Duration(float64(offered) / float64(rate) * float64(time.Second)))
				value := binary.LittleEndian.AppendUint64(nil, uint64(at.UnixNano()))
				ops = append(ops, clientv3.OpPut(fmt.Sprintf("/pods/%d", n), string(append(value, values[n]...))))
			}
			slots <- struct{}{}
			go func() {
				defer func() { <-slots }()
				if len(ops) == 1 {
					_, _ = client.Do(context, ops[0])
				} else {
					_, _ = client.Txn(context).Then(ops...).Commit()
				}
			}()
			if time.Since(began) > duration {
				break
			}
		}
		time.Sleep(way.pace)
	}
	for range way.underWay {
		slots <- struct{}{}
	}
	return offered, time.Since(began)
}

func readValues(file string) ([][]byte, error) {
	whole, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var values [][]byte
	for len(whole) >= 4 {
		length := int(binary.LittleEndian.Uint32(whole))
		if len(whole) < 4+length {
			return nil, fmt.Errorf("%s: cut off", file)
		}
		values = append(values, whole[4:4+length])
		whole = whole[4+length:]
	}
	return values, nil
}
