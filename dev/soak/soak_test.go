package soak

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func flat(n int) []sample {
	curve := make([]sample, n)
	for i := range curve {
		curve[i] = sample{at: time.Duration(i) * time.Second, goroutines: float64(100 + i%7), heap: float64(40 + i%20), sockets: 20, descriptors: 30}
	}
	return curve
}

func TestGrowthIsFound(t *testing.T) {
	idle := sample{goroutines: 20, heap: 10, sockets: 4, descriptors: 12}
	require.NoError(t, judge(idle, flat(40), idle))
	for want, grow := range map[string]func(*sample, int){
		"goroutines grow":  func(s *sample, i int) { s.goroutines += float64(3 * i) },
		"MiB of heap grow": func(s *sample, i int) { s.heap += float64(2 * i) },
		"sockets grow":     func(s *sample, i int) { s.sockets += float64(i) },
		"descriptors grow": func(s *sample, i int) { s.descriptors += float64(i) },
	} {
		curve := flat(40)
		for i := range curve {
			grow(&curve[i], i)
		}
		require.ErrorContains(t, judge(idle, curve, idle), want)
	}
	left := idle
	left.goroutines += 9
	require.ErrorContains(t, judge(idle, flat(40), left), "goroutines stay")
	require.ErrorContains(t, judge(idle, flat(3), idle), "too few")
}

func TestThePictureIsWellFormed(t *testing.T) {
	picture := string(draw(flat(40)))
	require.Equal(t, 4, strings.Count(picture, "<polyline"))
	decoder := xml.NewDecoder(strings.NewReader(picture))
	for {
		_, err := decoder.Token()
		if err == io.EOF {
			return
		}
		require.NoError(t, err)
	}
}

func TestGaugesWithoutLabels(t *testing.T) {
	require.Equal(t, map[string]float64{"go_goroutines": 12, "x": 1e9}, gauges([]byte("# HELP go_goroutines n\ngo_goroutines 12\nx 1e+09\nhas{label=\"a b\"} 3\n")))
}
