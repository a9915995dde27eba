package store

import (
	"context"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// watchEvery is how long an addition by another replica can go unnoticed where notifications do not arrive: behind a transaction pooler,
// and on engines without them.
const watchEvery = 2 * time.Second

// Watch polls, and checks at once when the database notifies it.
func (p *postgres) Watch(ctx context.Context, changed func() error) error {
	keyID, err := p.id(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	notified, ended := make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(ended)
		p.listen(ctx, strconv.Itoa(int(keyID)), notified)
	}()
	defer func() {
		cancel()
		<-ended
	}()
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for seen := Cursor(-1); ; {
		head, err := p.Head(ctx)
		if err != nil {
			return err
		}
		if head != seen {
			seen = head
			if err := changed(); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-notified:
		case <-ticker.C:
		}
	}
}

// listen passes on the notifications for a key. It returns if the database does not support them.
func (p *postgres) listen(ctx context.Context, payload string, notified chan<- struct{}) {
	conn, err := pgx.ConnectConfig(ctx, p.pool.Config().ConnConfig)
	if err != nil {
		return
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectTimeout)
		defer cancel()
		_ = conn.Close(closing)
	}()
	if _, err := conn.Exec(ctx, "listen "+channel); err != nil {
		return
	}
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return
		}
		if n.Payload == payload {
			select {
			case notified <- struct{}{}:
			default: // one is waiting already
			}
		}
	}
}
