package workbench

// PID is the plugin's process, for tests that end it or stop it: 0 when there is none.
func (w *Workbench) PID() int { return w.process.pid() }

func (p *process) pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.client == nil || p.client.Exited() {
		return 0
	}
	if running := p.client.ReattachConfig(); running != nil {
		return running.Pid
	}
	return 0
}
