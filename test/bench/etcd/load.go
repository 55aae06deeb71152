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

// pace is that of a Catwalk publisher on its own disk: what changed in between goes into one transaction.
const pace = 5 * time.Millisecond

// maxOps is etcd's default bound for one transaction.
const maxOps = 128

const underWay = 8

func load(endpoint, file, watchersText, rateText, secondsText string) error {
	watchers, err1 := strconv.Atoi(watchersText)
	rate, err2 := strconv.Atoi(rateText)
	seconds, err3 := strconv.Atoi(secondsText)
	if err1 != nil || err2 != nil || err3 != nil {
		return fmt.Errorf("WATCHERS, RATE and SECONDS are whole numbers")
	}
	values, err := readValues(file)
	if err != nil {
		return err
	}
	context, cancel := context.WithCancel(context.Background())
	defer cancel()
	var delivered atomic.Int64
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
		go watch(events, &delivered, n == 0, latencies)
	}
	client, err := connect(endpoint)
	if err != nil {
		return err
	}
	defer client.Close()
	offered, took := put(context, client, values, rate, time.Duration(seconds)*time.Second)
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
		"p50": quantile(0.5), "p99": quantile(0.99), "delivered": float64(delivered.Load()), "offered": float64(offered), "seconds": took.Seconds(),
	})
}

func connect(endpoint string) (*clientv3.Client, error) {
	return clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, DialTimeout: 10 * time.Second})
}

func watch(events clientv3.WatchChan, delivered *atomic.Int64, timed bool, latencies chan<- []float64) {
	var seen []float64
	for response := range events {
		now := time.Now().UnixNano()
		delivered.Add(int64(len(response.Events)))
		if !timed {
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

// put offers changes at the rate, those of one pace in one transaction, with a few transactions under way.
func put(context context.Context, client *clientv3.Client, values [][]byte, rate int, duration time.Duration) (int, time.Duration) {
	began := time.Now()
	offered := 0
	slots := make(chan struct{}, underWay)
	for time.Since(began) < duration {
		due := int(time.Since(began).Seconds() * float64(rate))
		for offered < due {
			ops := make([]clientv3.Op, 0, maxOps)
			for ; offered < due && len(ops) < maxOps; offered++ {
				n := offered % len(values)
				// A change happens when it is due, whenever it is sent.
				at := began.Add(time.Duration(float64(offered) / float64(rate) * float64(time.Second)))
				value := binary.LittleEndian.AppendUint64(nil, uint64(at.UnixNano()))
				ops = append(ops, clientv3.OpPut(fmt.Sprintf("/pods/%d", n), string(append(value, values[n]...))))
			}
			slots <- struct{}{}
			go func() {
				defer func() { <-slots }()
				_, _ = client.Txn(context).Then(ops...).Commit()
			}()
			if time.Since(began) > duration {
				break
			}
		}
		time.Sleep(pace)
	}
	for range underWay {
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
