package cbc_test

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"

	"carbonblack-auditlog-datasource/pkg/cbc"
)

// overHTTP2 starts a server of HTTP/2 and returns a client of it. meet, if any, gets each connection first and reports whether it has
// dealt with it.
func overHTTP2(t *testing.T, h http.HandlerFunc, meet func(net.Conn) bool) *cbc.Client {
	t.Helper()
	certified := httptest.NewTLSServer(nil)
	t.Cleanup(certified.Close)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: certified.TLS.Certificates, NextProtos: []string{"h2"}})
	require.NoError(t, err)
	hc := certified.Client()
	transport, ok := hc.Transport.(*http.Transport)
	require.True(t, ok)
	transport.ForceAttemptHTTP2 = true
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				if secure, ok := conn.(*tls.Conn); !ok || secure.Handshake() != nil {
					return
				}
				if meet == nil || !meet(conn) {
					plain := &http.Server{ErrorLog: log.New(io.Discard, "", 0)}
					(&http2.Server{}).ServeConn(conn, &http2.ServeConnOpts{BaseConfig: plain, Handler: h})
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		transport.CloseIdleConnections()
		serving.Wait()
	})
	client, err := cbc.New(config("https://"+listener.Addr().String()), hc)
	require.NoError(t, err)
	return client
}

func TestResetStreamIsRetried(t *testing.T) {
	for name, beginning := range map[string]string{"before an answer": "", "within an answer": good[:50]} {
		var calls atomic.Int32
		client := overHTTP2(t, func(w http.ResponseWriter, r *http.Request) {
			if calls.Add(1) == 1 {
				_, _ = io.WriteString(w, beginning)
				_ = http.NewResponseController(w).Flush()
				panic(http.ErrAbortHandler)
			}
			require.Equal(t, 2, r.ProtoMajor)
			_, _ = io.WriteString(w, good)
		}, nil)
		page, err := search(context.Background(), client)
		require.NoError(t, err, name)
		require.Equal(t, 2, page.Tries, name)
	}
	client := overHTTP2(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, nil)
	failed := fails(t, context.Background(), client, cbc.KindNetwork)
	require.ErrorContains(t, failed, "the connection to Carbon Black Cloud broke")
	require.NotContains(t, failed.Error(), "check the URL")
}

// goAway answers the first request of a connection with GOAWAY, as a server does that restarts, and closes it.
func goAway(conn net.Conn, code http2.ErrCode) {
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(conn, preface); err != nil {
		return
	}
	framer := http2.NewFramer(conn, conn)
	_ = framer.WriteSettings()
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return
		}
		if _, ok := frame.(*http2.DataFrame); ok { // the request has come
			_ = framer.WriteGoAway(frame.Header().StreamID, code, []byte("restarting"))
			return
		}
	}
}

func TestGoAwayIsRetried(t *testing.T) {
	for _, code := range []http2.ErrCode{http2.ErrCodeNo, http2.ErrCodeInternal, http2.ErrCodeEnhanceYourCalm} {
		var connections atomic.Int32
		client := overHTTP2(t, reply(http.StatusOK, isJSON, good), func(c net.Conn) bool {
			if connections.Add(1) > 1 {
				return false
			}
			goAway(c, code)
			return true
		})
		page, err := search(context.Background(), client)
		require.NoError(t, err, code)
		require.Equal(t, 1, page.Found)
		require.GreaterOrEqual(t, connections.Load(), int32(2), "the transport may dial one in reserve")

		client = overHTTP2(t, reply(http.StatusOK, isJSON, good), func(c net.Conn) bool {
			goAway(c, code)
			return true
		})
		require.ErrorContains(t, fails(t, context.Background(), client, cbc.KindNetwork), "the connection to Carbon Black Cloud broke", code)
	}
}
