import { type ReactNode, useEffect, useRef, useState } from 'react';

interface Props {
  height: number | string;
  children: (width: number, height: number) => ReactNode;
}

/** Passes its size in pixels to its children. */
export function Measured({ height, children }: Props) {
  const element = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  useEffect(() => {
    const observer = new ResizeObserver(([{ contentRect }]) =>
      setSize({ width: Math.floor(contentRect.width), height: Math.floor(contentRect.height) })
    );
    observer.observe(element.current!);
    return () => observer.disconnect();
  }, []);
  return (
    <div ref={element} style={{ height, minWidth: 0, overflow: 'hidden' }}>
      {size.width > 0 && children(size.width, size.height)}
    </div>
  );
}
