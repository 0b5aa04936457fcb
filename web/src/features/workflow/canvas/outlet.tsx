import { Handle, Position } from '@xyflow/react';
import type { MouseEvent } from 'react';
import { cn } from '@/lib/cn';
import { useStudioStore } from '../store';
import { useUi } from '../ui';

interface OutletProps {
  nodeId: string;
  handle: string;
  isFail?: boolean;
  className?: string;
}

/** Where edges leave a node. A click asks what comes next. */
export function Outlet({ nodeId, handle, isFail, className }: OutletProps) {
  const { canEdit } = useStudioStore().getState();
  const open = (event: MouseEvent) => {
    event.stopPropagation();
    if (!canEdit) return;
    const box = event.currentTarget.getBoundingClientRect();
    useUi.getState().set({
      palette: {
        target: { kind: 'handle', source: nodeId, sourceHandle: handle },
        screen: { x: box.right + 6, y: box.top },
      },
    });
  };
  return (
    <Handle
      type="source"
      position={Position.Right}
      id={handle}
      onClick={open}
      isConnectableEnd={false}
      className={cn('joint source', isFail && 'fail', className)}
    />
  );
}

export function Inlet({ className }: { className?: string }) {
  return (
    <Handle
      type="target"
      position={Position.Left}
      id="target"
      isConnectableStart={false}
      className={cn('joint target', className)}
    />
  );
}
